"""What a network would cost: ``plan`` asks the estimators, the rest shows what they say."""
