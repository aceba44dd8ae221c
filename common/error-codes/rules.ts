import type { ErrorCodes } from './error-code.js';

/** Of rule files and files of rule tests. */
export const RULE_CODES: ErrorCodes = {
  RULE_YAML: {
    cause:
      'The file is not valid YAML, or uses a part of YAML that has no meaning in a rule file, such as a tag.',
    cure: 'Repair the line that the message names. Indent with spaces, and quote text that begins with a special character.',
  },
  RULE_DUPLICATE_KEY: {
    cause: 'A mapping has the same key twice.',
    cure: 'Keep one of the two; the message names the line of the first.',
  },
  RULE_UNKNOWN_FIELD: {
    cause: 'The schema has no field of this name here.',
    cure: 'Take the name that the message suggests; docs/rules.md lists all fields. Unknown fields are errors because a misspelt one would silently change nothing.',
  },
  RULE_MISSING_FIELD: {
    cause: 'A required field is missing, or a field needs another one beside it.',
    cure: 'Add the field that the message names.',
  },
  RULE_WRONG_TYPE: {
    cause: 'A value has another type than its field, such as a quoted number.',
    cure: 'Write the type that the message names.',
  },
  RULE_WRONG_VALUE: {
    cause: 'A value is not one of the choices of its field, or not in its format.',
    cure: 'Write one of the choices, or the format, that the message names.',
  },
  RULE_OUT_OF_RANGE: {
    cause: 'A value is outside of the range of its field.',
    cure: 'Choose a value in the range that the message names.',
  },
  RULE_CONFLICT: {
    cause:
      'Two fields exclude each other, or their values contradict each other, such as a minReplicas above maxReplicas.',
    cure: 'Remove or change one of them.',
  },
  RULE_UNKNOWN_SIGNAL: {
    cause: 'A target or a condition names a signal that is neither built in nor in the signals of the group.',
    cure: 'Correct the name, or add the signal to `signals` of the group.',
  },
  RULE_DUPLICATE_NAME: {
    cause: 'Two groups of a file, or two rules of a group, have the same name.',
    cure: 'Rename one of them: metrics and records identify a rule by file, group and name.',
  },
  RULE_DUPLICATE_TARGET: {
    cause: 'Two rules name the same workload in scaleTargetRef, so each would undo what the other decides.',
    cure: 'Keep one of the two rules.',
  },
  RULE_PROMQL: {
    cause: 'An expression is not valid PromQL, or does not return an instant vector.',
    cure: 'Repair the expression at the position that the message names. `kernscale check --prometheus.url` asks the server itself.',
  },
  RULE_FILE_UNREADABLE: {
    cause: 'A rule file does not exist, cannot be read, or is not UTF-8; or no file matches a pattern.',
    cure: 'Correct the path or the permissions, or save the file as UTF-8.',
  },
  RULE_FILE_TOO_LARGE: {
    cause: 'A rule file is larger than 4 MiB; a ConfigMap holds at most 1 MiB.',
    cure: 'Split the file, or use `match` in place of a rule for each workload.',
  },
  RULE_FILE_TRUNCATED: {
    cause: 'A file on disk has become much shorter than the rules that run, as while it is being written.',
    cure: 'Write rule files atomically: to another name, then rename. If the file is meant to be this short, start the scaler with `--rules.allow-truncated`.',
  },
  RULE_WRONG_FILE: {
    cause: 'The file is a file of rule tests, or the manifest of an autoscaler.',
    cure: 'Run the tests with `kernscale test`; make rules of the manifest with `kernscale import`.',
  },
  RULE_UNKNOWN: {
    cause: 'The files have no rule of the name that `--rule` gives.',
    cure: 'Choose one of the names in the message.',
  },
  RULES_EMPTY: {
    cause: 'The files have no rules.',
    cure: 'Name the files that have some.',
  },
  TEST_UNKNOWN_TARGET: {
    cause: 'A rule test expects something of a workload that no rule of its rule files scales.',
    cure: 'Correct the name, or the list `rule_files`.',
  },
  TEST_SERIES: {
    cause: '`promtool` rejects the input series of a rule test.',
    cure: "Write the series in the notation of Prometheus' unit tests, such as '0+10x20'.",
  },
};

/** Warnings of `kernscale check`. */
export const LINT_CODES: ErrorCodes = {
  LINT_NO_TARGET: {
    cause: 'The cluster has no workload of the name in scaleTargetRef, or it has no replicas to set.',
    cure: 'Correct kind, namespace and name, or remove the rule.',
  },
  LINT_NO_MATCH: {
    cause: 'No workload of the cluster matches `match`.',
    cure: 'Correct kind, namespace and selector. A rule for workloads to come may stay.',
  },
  LINT_NO_CPU_REQUEST: {
    cause: 'The target is a percentage of the CPU request, and a container of the workload has none.',
    cure: 'Set resources.requests.cpu in the pod template, or give the target as averageValue.',
  },
  LINT_OTHER_AUTOSCALER: {
    cause: 'A HorizontalPodAutoscaler or a ScaledObject scales the workload, so the rule leaves it alone.',
    cure: 'Delete one of the two, or write `dryRun: true` to watch what the rule would do.',
  },
  LINT_ANNOTATION: {
    cause: 'A kernscale.io annotation of the workload cannot be followed.',
    cure: 'Correct the annotation as the message says.',
  },
  LINT_UNKNOWN_METRIC: {
    cause:
      'Neither Kernscale nor the given Prometheus has a metric of this name, so the signal will have no data.',
    cure: 'Correct the name; docs/metrics.md lists the metrics of Kernscale.',
  },
  LINT_SHORT_WINDOW: {
    cause: 'A range holds less than two scrapes, so it yields no rate.',
    cure: 'Use at least four scrape intervals. `--scrape-interval` tells `check` of another interval.',
  },
  LINT_SHORT_MAX_AGE: {
    cause:
      'The field maxAge is shorter than two scrape intervals, so one late scrape makes the signal stale.',
    cure: 'Use at least three scrape intervals.',
  },
  LINT_PROMQL: {
    cause:
      'Prometheus accepts the expression, and the scaler of this version does not understand it, so the scaler refuses the file.',
    cure: 'Write the expression without the function or the syntax that the message names, or record it in a recording rule.',
  },
  LINT_NO_WORKLOAD: {
    cause: 'The result of an expression has no labels that name a workload, so it applies to none.',
    cure: 'Aggregate by (namespace, workload, workload_kind).',
  },
  LINT_UNUSED_SIGNAL: {
    cause: 'No rule of the group uses the signal.',
    cure: 'Remove it, or use it in a target or a condition.',
  },
  LINT_DEFAULT_VALUE: {
    cause:
      'An expression such as `… or vector(0)` has a value while its data is missing, and replicas would go down on it.',
    cure: 'Remove the default: missing data holds the replicas.',
  },
  LINT_SHADOWED_RULE: {
    cause: 'An earlier rule matches all workloads of this one, so this one never applies.',
    cure: 'Move the narrower rule before the wider one.',
  },
  LINT_QUERY_PER_WORKLOAD: {
    cause:
      'The `expr` of a fleet rule cannot be asked once for all workloads, so each of them costs a query in every round.',
    cure: 'Use `$namespace` and `$workload` as whole values of `=` matchers in one sum, max, min, avg or count.',
  },
};

/** Notes of `kernscale check`. */
export const NOTE_CODES: ErrorCodes = {
  NOTE_CPU_TARGET: {
    cause:
      'Since the first release the signal cpu means demand by requests, no longer the pressure on the CPU.',
    cure: 'Nothing has to change. Review targets that were chosen to make up for the old meaning.',
  },
  NOTE_OBJECTIVE: {
    cause:
      'Since the first release a missed objective is a sign of harm, and one that is met withholds no replicas.',
    cure: 'Nothing has to change.',
  },
  NOTE_WHEN: {
    cause:
      'A step with `when` matches on its conditions alone; a step without matches only while its cause harms the workload.',
    cure: 'Remove `when` to act on harm only.',
  },
  NOTE_PAUSED: {
    cause: 'An annotation of the workload pauses it.',
    cure: 'Remove kernscale.io/paused or kernscale.io/paused-until to let the rule act.',
  },
};
