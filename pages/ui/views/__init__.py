"""The figures, one file a chart: tables → figures, without Streamlit."""
