"""The accuracy of weights: predictions, their comparison with labels, and the report."""
