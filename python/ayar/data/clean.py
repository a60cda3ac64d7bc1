"""Repairs the texts with the native cleaner, and makes one class of every class's spellings."""

import pyarrow as pa
from pydantic import Field

from ayar.data.labels import unify_labels
from ayar.data.stage import Stage, nothing_dropped, replace_column, stage_report
from ayar.data.text_columns import flatten_texts, restore_texts
from ayar.settings import Settings
from ayar.text.cleaning import CleanOptions, clean_batch
