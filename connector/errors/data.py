"""What is wrong with the operator's own input, or with data."""

from __future__ import annotations

from connector.errors.root import PreauError


class DataFault(PreauError):
    """The operator's input or data is wrong.

    Correct what the reason names, and do it again.
    """

    code = "DATA_FAULT"


class StatisticUnfit(DataFault):
    """A statistic makes no sense as it was asked for, or the sites' answers do not give it."""

    code = "STATISTIC_UNFIT"


class ConfigurationInvalid(DataFault):
    """`preau.toml` or a command's argument is wrong.

    Correct the setting or argument that the reason names; `preau doctor` looks at all of them.
    """

    code = "CONFIGURATION_INVALID"


class DescriptionIncomplete(DataFault):
    """A dataset lacks statements that publishing demands; the reason lists them."""

    code = "DESCRIPTION_INCOMPLETE"


class ConstraintUnknown(DataFault):
    """A constraint that this node can neither check, enforce nor audit.

    Leave the constraint out, or say it by an operand and operator that a mechanism upholds.
    """

    code = "CONSTRAINT_UNKNOWN"


class PolicyInvalid(DataFault):
    """The policy is not well-formed ODRL of a profile that this node knows.

    Correct the policy where the reason says; a profile of others must be declared, and known here.
    """

    code = "POLICY_INVALID"


class PolicyOutsideProtocol(DataFault):
    """The form that the Dataspace Protocol gives policies cannot say a part of this one.

    Say it otherwise, or offer it to Préau nodes alone.
    """

    code = "POLICY_OUTSIDE_PROTOCOL"


class RegisterFixed(DataFault):
    """What was declared of a register of persons, or the register of a dataset, stays."""

    code = "REGISTER_FIXED"


class DataFileMissing(DataFault):
    """The data file is not there."""

    code = "DATA_FILE_MISSING"


class DataFileUnreadable(DataFault):
    """The data file cannot be read as what it was published as."""

    code = "DATA_FILE_UNREADABLE"


class DataFileChanged(DataFault):
    """The data file is no longer the one that was published."""

    code = "DATA_FILE_CHANGED"


class RiskDrifted(DataFault):
    """Persons stand out more, or tables lack more, than the contract's report of them says."""

    code = "RISK_DRIFTED"


class ColumnMissing(DataFault):
    """The dataset has no such column."""

    code = "COLUMN_MISSING"


class RowsMalformed(DataFault):
    """More rows of the data file are malformed than its description allows."""

    code = "ROWS_MALFORMED"


class PersonsExceeded(DataFault):
    """The data file holds more persons than the declared population."""

    code = "PERSONS_EXCEEDED"


class PersonsOverlap(DataFault):
    """The data file holds persons of another register, and nobody has said that they are others."""

    code = "PERSONS_OVERLAP"


class DataUnchecked(DataFault):
    """No check of the dataset's file is on record that it passed; no job runs on it."""

    code = "DATA_UNCHECKED"


class EvidenceInvalid(DataFault):
    """An evidence bundle does not verify."""

    code = "EVIDENCE_INVALID"


class BackupInvalid(DataFault):
    """A backup file is damaged, incomplete, or of another release."""

    code = "BACKUP_INVALID"
