"""Print what each rule costs whom: `python -m tests.simulation`."""

from __future__ import annotations

from tests.simulation.scenarios import RULES, SCENARIOS

if __name__ == "__main__":
    for scenario in SCENARIOS:
        print(scenario.__name__.replace("_", " "))
        for rule in RULES:
            print(f"  {rule.__name__:24}{scenario(rule)}")
