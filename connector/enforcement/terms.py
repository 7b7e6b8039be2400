"""IRIs of the actions and operands that mechanisms know (ODRL 2.2, DPV 2.3, our profile)."""

from typing import Final

from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV, PREAU

FEDERATED_TRAINING: Final = PREAU + "federatedTraining"
READ: Final = ODRL + "read"
REPRODUCE: Final = ODRL + "reproduce"
DERIVE: Final = ODRL + "derive"
DISTRIBUTE: Final = ODRL + "distribute"
AGGREGATE: Final = ODRL + "aggregate"
ACCESS_ELSEWHERE: Final = PREAU + "accessElsewhere"

PURPOSE: Final = ODRL + "purpose"
DATE_TIME: Final = ODRL + "dateTime"
MEMBERSHIP: Final = PREAU + "membership"
EPSILON: Final = PREAU + "epsilon"
DELTA: Final = PREAU + "delta"
UNIT: Final = PREAU + "unitOfPrivacy"
ROWS: Final = PREAU + "rowsPerPerson"
SITES: Final = PREAU + "minimumSites"
PROTECTION: Final = PREAU + "protectionLevel"
COLUMNS: Final = PREAU + "columns"
SCOPE: Final = PREAU + "pseudonymScope"
CELL_COUNT: Final = PREAU + "minimumCellCount"
GRANULARITY: Final = PREAU + "granularity"
RETENTION: Final = PREAU + "retention"
DPIA: Final = PREAU + "dpia"
CHARTER: Final = PREAU + "charter"
ETHICS: Final = PREAU + "ethicsOpinion"
COUNT: Final = ODRL + "count"
USES_THIS_MONTH: Final = PREAU + "usesThisMonth"
ELAPSED_TIME: Final = ODRL + "elapsedTime"
METERED_TIME: Final = ODRL + "meteredTime"
SINCE_RESULTS: Final = PREAU + "timeSinceResults"
FILE_FORMAT: Final = ODRL + "fileFormat"
THIRD_PARTY: Final = PREAU + "thirdParty"
LEGAL_BASIS: Final = DPV + "hasLegalBasis"
LOCATION: Final = DPV + "hasLocation"

PERSON: Final = PREAU + "Person"
AGGREGATED: Final = PREAU + "Aggregated"
