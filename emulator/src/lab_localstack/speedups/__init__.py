"""What costs LocalStack or moto processor time for nothing. Without these everything answers the same."""
