"""What a party states under its signature: deeds, notices, referrals, risk."""
