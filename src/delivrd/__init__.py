"""delivrd: a hub that sends SMS through many gateways and tells the truth about what arrived."""

__version__ = "0.1.0"
