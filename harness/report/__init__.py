"""What people see of a result document."""
