"""Weight files: their list (manifest), their places and downloads (store, download), their content."""
