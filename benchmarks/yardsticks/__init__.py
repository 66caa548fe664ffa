"""What eggwatch is measured against: the least that such programs can do, and one that others use."""
