"""Pages: what stands where.  They hold no data; callbacks fill them."""
