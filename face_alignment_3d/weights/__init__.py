"""Weight files: what there is (manifest), where it comes from (store, download), what is in it (loading)."""
