//! What to ask next within the budget: a pure core that takes `now`.
