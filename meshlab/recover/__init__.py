"""What a killed `up` leaves behind, and how each piece of it is put right."""
