"""Where scripts of PtyPy 0.9 look for engines that were extras then; `ptypy.engines` has them."""
