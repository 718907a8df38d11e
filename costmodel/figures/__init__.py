"""Pure functions from tables to Plotly figures."""
