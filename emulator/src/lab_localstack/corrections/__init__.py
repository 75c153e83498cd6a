"""What LocalStack answers otherwise than AWS, where no provider of its own could be replaced."""
