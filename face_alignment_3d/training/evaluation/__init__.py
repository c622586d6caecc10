"""What weights are worth: predictions against labels, and the report on them."""
