"""What delivrd is measured against."""
