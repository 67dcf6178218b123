//! Whole programs against whole shops: everything is in the tests.
