"""The settings: one table, many sources, and what is wrong with one."""
