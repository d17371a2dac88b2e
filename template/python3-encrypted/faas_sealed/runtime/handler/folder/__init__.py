"""The function's folder, `/home/app/function`, as Python finds it: in memory alone."""
