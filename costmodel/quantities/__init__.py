"""How much of what is billable a plan needs: pure formulas that broadcast and know no prices."""
