"""What a value, a query or an argument of a reader may do."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_CLOSED = "tests/read/test_a_query_opens_nothing_else.py::test_"
_LIVE = "tests/read/test_duckdb_reads_the_files_itself.py::test_"
_LEFT = "tests/read/test_what_can_not_be_read_is_left_out.py::test_"
_HOSTILE = "tests/read/test_a_hostile_archive_costs_an_error.py::test_"
_ANY = "tests/read/test_every_way_reads_any_value.py::test_"
_NO_ZONES = "tests/read/test_a_machine_without_zones_reads_all.py::test_"
_CLEAR = "tests/read/test_clear_answers.py::test_"

_ONE_TYPE = "tests/encode/test_a_column_keeps_its_type.py"
_ALIKE = "tests/e2e/test_drifting_types_are_read_alike.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "whole numbers are double, as fractions are",
        "encode/parquet_types.py",
        "        plain = as_doubles(plain)",
        "        pass",
        _ONE_TYPE + "::test_only_types_that_a_library_found_change",
    ),
    one(
        "a whole number that a double does not hold is none",
        "encode/parquet_values.py",
        "return values if least is not None and not -EXACT <= least <= most <= EXACT else values.cast(pa.float64())",
        "return values.cast(pa.float64(), safe=False)",
        _ONE_TYPE + "::test_each_batch_has_the_type_that_those_before_it_had",
    ),
    one(
        "a column without a value has the type that it had before",
        "encode/parquet_types.py",
        "return _without_null(stored, known or pa.float64())",
        "return _without_null(stored, pa.float64())",
        _ONE_TYPE + "::test_each_batch_has_the_type_that_those_before_it_had",
    ),
    one(
        "what does not fit into the type of its column is JSON text",
        "encode/parquet_types.py",
        "        return _as_number(column, stored, known)\n    return json_column(column)",
        "        return _as_number(column, stored, known)\n    return stored",
        _ALIKE + "::test_what_no_type_holds_is_refused_and_never_changed",
    ),
    one(
        "one word says which numbers are whole only where no fraction is",
        "encode/parquet_values.py",
        "return NUMBER if there == {int, float} and not whole else None",
        "return NUMBER if there == {int, float} else None",
        "tests/encode/test_values_come_back.py::test_whole_numbers_among_fractions_are_numbers_in_parquet_and_stay_whole",
    ),
    one(
        "a shipper remembers the types of columns",
        "ship/checkpoint.py",
        '"column_types": {stream: types for stream, types in self.column_types.items() if types},',
        '"column_types": {},',
        _ALIKE + "::test_a_shipper_that_starts_again_knows_the_types",
    ),
    one(
        "the types that a shipper remembers are bounded",
        "ship/batch.py",
        "if name in group.types or len(group.types) < MOST_TYPES:",
        "if True:",
        _ALIKE + "::test_no_more_types_are_remembered_than_the_checkpoint_has_room_for",
    ),
    one(
        "what another process encodes teaches the types of columns",
        "ship/encoding_job.py",
        "        group.types.update(types)",
        "        pass",
        _ALIKE + "::test_rows_that_are_encoded_in_another_process_have_the_types_of_their_columns",
    ),
    one(
        "columns of two types are joined value by value",
        "keep/rows.py",
        "return None in kinds or len(kinds) > 1",
        "return None in kinds",
        "tests/keep/test_drifting_types_are_compacted.py::test_a_day_of_drifting_types_becomes_one_file",
    ),
    one(
        "whole numbers that lie in a file as double are read as whole numbers",
        "read/convert.py",
        'if types.is_float64(cells.type) and (kinds or of_declared(declared)) == "int":',
        "if False:",
        "tests/read/test_types_come_back.py::test_whole_numbers_of_a_frame_stay_whole_beside_text",
    ),
    one(
        "a query opens no other file", "read/duck.py",
        '        connection.execute("SET enable_external_access = false")', "        pass",
        f"{_CLOSED}a_query_opens_no_other_file", f"{_CLOSED}no_variable_of_the_program_is_a_table",
    ),
    one(
        "a query does not open what is closed", "read/duck.py",
        '        connection.execute("SET lock_configuration = true")', "        pass",
        f"{_CLOSED}a_query_opens_no_other_file",
    ),
    one(
        "a statement that may write gets no live files", "read/duck.py",
        "        return all(statement.type == duckdb.StatementType.SELECT for statement in duckdb.extract_statements(text))",
        "        return True",
        f"{_LIVE}no_statement_writes_over_a_live_file",
    ),
    one(
        "a file that lost its name may be opened", "read/duck.py",
        "            os.dup2(nameless, descriptor, inheritable=False)", "            pass",
        f"{_LIVE}files_that_are_taken_away_meanwhile_are_read_to_their_end",
    ),
    one(
        "live files stay open", "read/sql.py",
        '        duck.register(f"files of {name}", live)', "        pass",
        f"{_LIVE}files_that_are_taken_away_meanwhile_are_read_to_their_end",
    ),
    one(
        "live files are closed", "read/live_files.py",
        "        finalize(self, _close, self.descriptors)", "        pass",
        f"{_LIVE}files_that_are_taken_away_meanwhile_are_read_to_their_end",
    ),
    one(
        "a live file is as long as its manifest says", "read/live_files.py",
        " == (0, os.fstat(descriptor).st_size, about.num_rows)", " == (0, piece.end, about.num_rows)",
        f"{_LIVE}a_file_of_another_length_than_its_manifest_says_is_left_to_a_scan",
    ),
    one(
        "whole numbers of live files are whole", "read/live_files.py",
        """return f"CAST({name} AS BIGINT)" if""", "return name if",
        f"{_LIVE}rows_and_types_are_those_of_a_scan",
    ),
    one(
        "live files have a column in one type", "read/live_files.py",
        "forms.pop() if one_type and len(forms) == 1 else None", "forms.pop() if len(forms) else None",
        f"{_LIVE}rows_and_types_are_those_of_a_scan",
    ),
    one(
        "text that is JSON is not live", "read/live_files.py",
        "same and not (types.is_string(kind) and is_json(kinds))", "same",
        f"{_LIVE}rows_and_types_are_those_of_a_scan",
    ),
    one(
        "names that DuckDB takes for one are not live", "read/live_files.py",
        "pieces if asked and differ and len", "pieces if asked and len",
        f"{_LIVE}rows_and_types_are_those_of_a_scan",
    ),
    one(
        "live files are no more than there is room for", "read/sql.py",
        "scan.live_files(most - len(_descriptors(files)))", "scan.live_files(most)",
        f"{_LIVE}more_files_than_descriptors_are_scanned",
    ),
    one(
        "times of a query are UTC", "read/duck.py",
        "        connection.execute(\"SET GLOBAL TimeZone = 'UTC'\")", "        pass",
        f"{_CLOSED}times_are_utc_wherever_the_machine_is",
    ),
    one(
        "the user's tables are not hidden", "read/sql.py",
        "    free = wanted - (set() if connection is None else _taken(connection))", "    free = wanted",
        f"{_CLOSED}a_table_of_the_users_is_not_hidden_by_a_view",
    ),
    one(
        "our views are made again", "read/sql.py",
        " AND comment IS DISTINCT FROM '{MARK}'", "",
        f"{_CLOSED}a_view_of_ours_is_made_again_for_each_query",
    ),
    one(
        "a name among types is one of a column", "read/plan.py",
        "    if not request.among_others:", "    if False:",
        f"{_CLEAR}a_misspelt_name_among_types_is_answered_with_near_ones",
    ),
    one(
        "rows are counted without columns", "read/scan.py",
        "pa.table([*columns, pa.nulls(rows)], schema=self._schema.append(counted)).select(range(len(columns)))",
        "pa.table(columns, schema=self._schema)",
        f"{_CLEAR}what_is_meant_is_understood",
    ),
    one(
        "a row that is none takes no other with it", "read/salvage.py",
        "            halves = _halves(chunk, source) if len(bad) < MOST else ()", "            halves = ()",
        f"{_LEFT}a_row_that_is_none_is_left_out_alone",
    ),
    one(
        "many rows that are none are left out together", "read/salvage.py",
        " if len(bad) < MOST else ()", "",
        f"{_LEFT}so_many_rows_that_are_none_are_left_out_together",
    ),
    one(
        "values are given of all that can be read", "read/salvage.py",
        "        except Unreadable as error:\n            self.damaged(error)", "        except ZeroDivisionError:\n            pass",
        f"{_LEFT}a_file_that_can_not_be_opened_is_left_out",
    ),
    one(
        "a manifest that can't be opened is one of its folder", "catalog/batches.py",
        "        except Unreadable as error:\n            return error\n", "",
        f"{_LEFT}a_manifest_that_can_not_be_opened_is_said",
    ),
    one(
        "an archive class is no refusal of credentials", "store/object_errors.py",
        '    if code == "InvalidObjectState":', "    if False:",
        f"{_LEFT}an_object_in_an_archive_class_has_to_be_restored_and_is_left_out",
    ),
    one(
        "sql leaves out what it may", "read/sql.py",
        "ReadRequest({}, errors=checked(errors), ", "ReadRequest({}, ",
        f"{_LEFT}a_file_that_can_not_be_opened_is_left_out",
    ),
    one(
        "a line names and types its columns once", "format/manifest.py",
        'return "its columns are not named and typed once each"', "pass",
        f"{_HOSTILE}a_manifest_line_that_claims_anything_is_read_or_is_an_error_of_ours",
    ),
    one(
        "kinds are runs of rows", "format/manifest.py",
        'return "its kinds are not those of its rows"', "pass",
        f"{_HOSTILE}a_manifest_line_that_claims_anything_is_read_or_is_an_error_of_ours",
    ),
    one(
        "an unknown kind is text", "read/forms.py",
        "    except (*NO_VALUE, AttributeError):\n        return TEXT", "    except ZeroDivisionError:\n        return TEXT",
        f"{_HOSTILE}a_manifest_line_that_claims_anything_is_read_or_is_an_error_of_ours",
    ),
    one(
        "nanoseconds of a duration outlive compaction", "keep/rows.py",
        "not (plain(kind) or types.is_duration(kind))", "not plain(kind)",
        f"{_ANY}nanoseconds_of_durations_and_far_ones_outlive_compaction",
    ),
    one(
        "DuckDB gets no key twice", "read/dataset.py",
        "    if types.is_map(column.type):", "    if False:",
        f"{_ANY}a_map_with_a_key_twice_is_one_with_the_last_to_duckdb",
    ),
    one(
        "far dates are pandas' own", "read/frames.py",
        '{"date_as_object": False, **options}', "options",
        f"{_ANY}a_far_date_is_pandas_own_type",
    ),
    one(
        "row groups are chosen without zones", "encode/parquet.py",
        "stats.min_raw * 1000, stats.max_raw * 1000", "pa.scalar(stats.min, UTC).value * 1000, pa.scalar(stats.max, UTC).value * 1000",
        f"{_NO_ZONES}all_rows_are_read",
    ),
    one(
        "a time without a zone database is a datetime", "columns/python.py",
        "return moment.replace(tzinfo=dt.UTC) if zone else moment", "raise ValueError",
        f"{_NO_ZONES}times_are_datetimes_in_utc",
    ),
    one(
        "a data frame needs no zone database", "read/frames.py",
        'return pa.timestamp(kind.unit, "+00:00")', "return kind",
        f"{_NO_ZONES}a_data_frame_has_its_times_in_utc",
    ),
)  # fmt: skip
