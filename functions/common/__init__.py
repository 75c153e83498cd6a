"""What every function shares: settings, errors, logs, AWS clients. Import its modules, not the package."""
