"""What real cells do that their equations do not say: one table, one realisation for engines, one
for compiled loops."""
