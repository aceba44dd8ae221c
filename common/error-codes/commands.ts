import type { ErrorCodes } from './error-code.js';

/** Of the command line. */
export const COMMAND_CODES: ErrorCodes = {
  BAD_COMMAND: {
    cause: 'The command line names no command, or an unknown one.',
    cure: '`kernscale --help` lists the commands.',
  },
  BAD_FLAG: {
    cause:
      'A flag is unknown, is missing, or has a value that it cannot have. Environment variables set flags, too.',
    cure: 'Correct the flag; `--help` after the command lists all of them.',
  },
  BAD_ADDRESS: {
    cause: 'A listen address is not of the form [host]:port.',
    cure: 'Write it like :5000, 127.0.0.1:5000 or [::1]:5000.',
  },
  BAD_DURATION: {
    cause: 'A text is not a duration.',
    cure: 'Write it like 90s, 5m or 1h30m.',
  },
  BAD_QUANTITY: {
    cause: 'A text is not a quantity of Kubernetes.',
    cure: 'Write it like 2, 0.5 or 500m.',
  },
  CANNOT_WRITE: {
    cause:
      'A file, or standard output, cannot be written: a wrong folder, missing permissions, or a full disk.',
    cure: 'Choose another path, or make room.',
  },
  BACKTEST_EMPTY: {
    cause: 'Prometheus has no data in the period for any workload that the rules scale.',
    cure: 'Check `--from`, `--to` and `--workload`, and set the metric of the actual replicas with `--actual`.',
  },
  IMPORT_EMPTY: {
    cause: 'The files, or the cluster, hold no HorizontalPodAutoscaler and no ScaledObject.',
    cure: 'Check the paths, or `--namespace`.',
  },
  NO_EQUAL: {
    cause: 'An autoscaler does something that its imported rule does not.',
    cure: 'Read the comment of the rule: it says what to write or to do in its place.',
  },
  ADOPT_NO_RULE: {
    cause: 'No rule of the files scales the workload.',
    cure: 'Write one with `kernscale import`; `kernscale check --live` names what the rules match.',
  },
  REPLICAS_UNKNOWN: {
    cause: 'Prometheus has no number of replicas of the workload at that time.',
    cure: 'Choose another time with `--at`, or another metric with `--actual`.',
  },
  TARGET_UNKNOWN: {
    cause: 'No rule has decided on a workload of this name.',
    cure: 'Take a name from the message. A workload that a rule has only begun to scale has a decision after one interval.',
  },
  TARGET_AMBIGUOUS: {
    cause: 'The name fits several workloads.',
    cure: 'Give a longer suffix, such as namespace/kind/name.',
  },
  SCALER_URL: {
    cause: 'The value of `--scaler.url` is not an HTTP address.',
    cure: 'Write it like http://127.0.0.1:5001.',
  },
  SCALER_UNREACHABLE: {
    cause: 'No scaler answers at the address.',
    cure: 'Set the address with `--scaler.url`; in a cluster, run `kubectl port-forward` to the service first.',
  },
  SCALER_ANSWER: {
    cause: 'What answers at the address refuses the request, or is no scaler of this version.',
    cure: 'Put credentials into the address as user:password@, and use a command of the version of the scaler.',
  },
  PROMTOOL_MISSING: {
    cause: '`kernscale test` needs promtool, which evaluates the test series, and cannot find or run it.',
    cure: 'Install the package prometheus, or name the program with `--promtool.binary`. The image of the target `tools` has it.',
  },
  PROMTOOL_FAILED: {
    cause: '`promtool` ended with an error, or printed what this version does not understand.',
    cure: 'Read its message. The promtool of Prometheus 2.42 is the one that is tested.',
  },
};

/** Of `npm start` and of its stand-in cluster. */
export const SANDBOX_CODES: ErrorCodes = {
  APPLY_FAILED: {
    cause: 'The stand-in cluster refuses an object.',
    cure: 'Correct the manifest as the message says.',
  },
  CGROUP_FORBIDDEN: {
    cause: 'The process may not create cgroups.',
    cure: 'Run it as root, on a machine with cgroup v2 that is mounted writable.',
  },
  CLEAN_UP_FAILED: {
    cause: 'Cgroups or processes of a run are left.',
    cure: 'Remove what the message names.',
  },
  INTERRUPTED: {
    cause: 'The run was interrupted before its end, so there are no results.',
    cure: 'Run it again for the whole time.',
  },
  MANIFEST_INVALID: {
    cause: 'A manifest is not valid YAML, or of a kind that the stand-in cluster does not have.',
    cure: 'Correct the manifest.',
  },
  NOT_LINUX: {
    cause: 'The kernel probes need Linux.',
    cure: 'Run it in a Linux virtual machine.',
  },
  NOT_ROOT: {
    cause: 'Loading BPF programs and creating cgroups needs root.',
    cure: 'Run it with sudo.',
  },
  NO_DATA: {
    cause: 'Prometheus has no answers to the requests that the load generator sent.',
    cure: 'Run it for longer; one interval of the scrapes is too short.',
  },
  NO_PROMETHEUS: {
    cause: 'Prometheus is not unpacked.',
    cure: 'Run `npm run setup`.',
  },
  OPENSSL_FAILED: {
    cause: '`openssl` cannot create the certificates of the stand-in cluster.',
    cure: 'Read its message; a full disk is the usual reason.',
  },
  OPENSSL_MISSING: {
    cause: 'The openssl command is missing.',
    cure: 'Install the package openssl.',
  },
  PROMETHEUS_DOWN: {
    cause: 'The Prometheus of the sandbox does not answer.',
    cure: 'Read its log, which the message names.',
  },
  RULES_INVALID: {
    cause: 'The rule files given to `npm start` have errors.',
    cure: 'Correct them; `kernscale check` lists all errors.',
  },
  START_FAILED: {
    cause: 'A program of the sandbox ended, or was not ready in time.',
    cure: 'Read the end of its log in the message.',
  },
  TOO_MANY_CLUSTERS: {
    cause: 'Too many stand-in clusters run on this machine.',
    cure: 'Stop one of them.',
  },
};
