"""IRIs of the actions and operands that mechanisms know (ODRL 2.2, DPV 2.3, our profile)."""

from typing import Final

from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU

FEDERATED_TRAINING: Final = PREAU + "federatedTraining"

PURPOSE: Final = ODRL + "purpose"
DATE_TIME: Final = ODRL + "dateTime"
MEMBERSHIP: Final = PREAU + "membership"
EPSILON: Final = PREAU + "epsilon"
DELTA: Final = PREAU + "delta"
UNIT: Final = PREAU + "unitOfPrivacy"
ROWS: Final = PREAU + "rowsPerPerson"
SITES: Final = PREAU + "minimumSites"
PROTECTION: Final = PREAU + "protectionLevel"

PERSON: Final = PREAU + "Person"
AGGREGATED: Final = PREAU + "Aggregated"
