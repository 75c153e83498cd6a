"""What a workload costs on AWS: measured usage times one dated table of prices."""
