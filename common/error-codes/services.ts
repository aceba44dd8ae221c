import type { ErrorCodes } from './error-code.js';

/** Of access to the Kubernetes API and of workloads. */
export const KUBERNETES_CODES: ErrorCodes = {
  API_UNAUTHORIZED: {
    cause: 'The Kubernetes API does not accept the credentials (401).',
    cure: 'Renew the token or certificate; in a pod, check that the service account still exists.',
  },
  API_FORBIDDEN: {
    cause: 'The service account lacks a permission (403).',
    cure: 'Add the verb and the resource of the message to the ClusterRole; manifests/ has all that are needed.',
  },
  API_NOT_FOUND: {
    cause: 'The object, or its kind, does not exist (404).',
    cure: 'Correct the name, or install the custom resource.',
  },
  API_CONFLICT: {
    cause: 'The object was changed between reading and writing (409).',
    cure: 'Nothing: the next round reads it anew. If it recurs, another writer changes the workload all the time.',
  },
  API_INVALID: {
    cause: 'The Kubernetes API rejects the new object (422).',
    cure: 'Read the message; an admission webhook or a validation of a custom resource is the usual reason.',
  },
  API_THROTTLED: {
    cause: 'The Kubernetes API asks for fewer requests (429).',
    cure: 'Nothing if it is rare; else give the flow schema of the service account more shares.',
  },
  API_REFUSED: {
    cause: 'The Kubernetes API responds with another error status.',
    cure: 'Read the message; the log of the API server has more.',
  },
  API_STATUS: {
    cause: 'A list or a watch of the Kubernetes API ended with an error status.',
    cure: 'It is repeated. Read the message if it stays.',
  },
  JSON_TOO_LARGE: {
    cause: 'A response holds more JSON in one piece than the scaler keeps in memory.',
    cure: 'Look at the object or the query that the message names: a single object or series must be smaller.',
  },
  API_TIMEOUT: {
    cause: 'The Kubernetes API did not respond in time.',
    cure: 'Check the network and the load of the API server.',
  },
  API_UNREADABLE: {
    cause: 'The Kubernetes API sent something other than JSON.',
    cure: 'Check that the address in the kubeconfig is that of an API server, and proxies on the way to it.',
  },
  API_UNREACHABLE: {
    cause: 'No connection to the Kubernetes API.',
    cure: 'Check the address in the kubeconfig, network policies, and the certificates that the message names.',
  },
  WATCH_BROKEN: {
    cause: 'A watch of the Kubernetes API broke.',
    cure: 'Nothing: it is resumed where it ended.',
  },
  OBJECT_UNREADABLE: {
    cause: 'An object of the Kubernetes API lacks a field that it must have, so it is left out.',
    cure: 'Repair what writes the object that the message names.',
  },
  KUBECONFIG_MISSING: {
    cause: 'No cluster is configured.',
    cure: 'Pass `--kubernetes.kubeconfig`, set KUBECONFIG, or run in a pod with a service account.',
  },
  KUBECONFIG_INVALID: {
    cause: 'The kubeconfig cannot be read, or has no cluster for its current context.',
    cure: 'Correct the file; `kubectl config view` shows it.',
  },
  SCALE_UNSUPPORTED: {
    cause: 'The kind has no scale subresource, so nothing can scale it.',
    cure: 'Name the workload that owns the pods, or add the subresource to the custom resource.',
  },
  TARGET_NOT_FOUND: {
    cause: 'The workload of a rule does not exist.',
    cure: 'Correct kind, namespace and name, or remove the rule. A workload that is created later is scaled then.',
  },
  TARGET_NOT_KNOWN_YET: {
    cause: 'The Kubernetes API has not listed the workloads so far.',
    cure: 'Nothing if the scaler has just started; else see the problems on its page.',
  },
  TARGET_UNREADABLE: {
    cause: 'The workload has no number in spec.replicas.',
    cure: 'Set spec.replicas once.',
  },
  REPLICAS_CHANGED: {
    cause: 'Somebody else changed spec.replicas within the round, so the decision was not applied.',
    cure: 'Nothing: the next round decides again.',
  },
};

/** Of Prometheus, and of the scaler itself. */
export const SCALER_CODES: ErrorCodes = {
  PROMETHEUS_URL: {
    cause: 'The address of Prometheus is not valid.',
    cure: 'Write it like http://prometheus:9090.',
  },
  PROMETHEUS_ANSWER: {
    cause: 'Prometheus cannot be reached, refuses a query, or answers in an unknown format.',
    cure: 'Check `--prometheus.url`, the credentials, and the words of the server in the message.',
  },
  PROMETHEUS_SECRET: {
    cause:
      'A file with credentials for Prometheus cannot be read, or holds a character that no header may hold.',
    cure: 'Correct the file that the message names; it is read again for every query.',
  },
  HTTP_CONFIG: {
    cause: 'The file of `--prometheus.config.file` cannot be read or has a wrong or unknown field.',
    cure: "Write it in the format of Prometheus' http_config.",
  },
  CLOCK_SKEW: {
    cause: 'The clocks of this machine and of Prometheus differ by more than is safe.',
    cure: 'Synchronise both with NTP.',
  },
  CLOCK_STEP: {
    cause: 'The clock of Prometheus, or of this machine, jumped.',
    cure: 'Synchronise with NTP in small steps. Ages are measured anew.',
  },
  HISTORY_UNREADABLE: {
    cause:
      'The file of `--history.file` is broken, of another version, or from the future; the scaler starts with an empty history.',
    cure: 'Nothing: a new file replaces it. Remove it if the message comes again.',
  },
  HISTORY_UNWRITABLE: {
    cause:
      'The file of `--history.file` cannot be written, so a restart forgets what is newer than the last one.',
    cure: 'Make its folder writable, or make room on the disk.',
  },
  RECALL_FAILED: {
    cause: 'Recent changes of replicas cannot be read from Prometheus at the start.',
    cure: 'Nothing: policies look back only to the start. Check the message if it comes at every start.',
  },
  RESTORE_INCOMPLETE: {
    cause:
      'Not all of what is usual could be restored from Prometheus, because a query failed or took too long.',
    cure: 'Nothing: the rest is learnt from new rounds. Use `--history.file` to need no restore.',
  },
  RESTORE_FAILED: {
    cause: 'What is usual could not be restored from Prometheus.',
    cure: 'Nothing: it is learnt anew within minutes. Use `--history.file` to need no restore.',
  },
  ROUND_LATE: {
    cause: 'A round took so long that it may no longer write; the next one decides on newer data.',
    cure: 'Raise the `interval` of the group, or give Prometheus more CPU.',
  },
  CHANGE_BUDGET: {
    cause:
      'As many workloads have changed within a minute as `--scale.max-changes` or `--scale.max-changes-per-namespace` allows.',
    cure: 'Nothing: the next rounds decide again, growth first. Raise the flag if it holds back what should happen.',
  },
  AUDIT_LOG: {
    cause: 'The file of `--audit.log` cannot be written.',
    cure: 'Choose a path in a writable folder, or make room on the disk.',
  },
  HOST_REFUSED: {
    cause:
      'The page was asked for under a host name that is not its own, which protects it against DNS rebinding.',
    cure: 'Start the scaler with `--web.external-url`.',
  },
  ORIGIN_REFUSED: {
    cause: 'Another web site sent the request.',
    cure: 'Open the page itself, or send the request without a browser.',
  },
  STATIC_FILES_MISSING: {
    cause: 'The files of the page are not where the program expects them.',
    cure: 'Install the package or the image anew, complete.',
  },
  INTERNAL: {
    cause: 'A defect of Kernscale.',
    cure: 'Report it with the message, and with the stack that `KERNSCALE_DEBUG=1` prints.',
  },
};

/** Of both services' HTTP servers. */
export const SERVER_CODES: ErrorCodes = {
  PORT_BUSY: {
    cause: 'Another program listens on the address.',
    cure: 'Stop it, or choose another address with `--web.listen-address`.',
  },
  LISTEN_FAILED: {
    cause: 'The address cannot be listened on: it is not of this machine, or the port needs privileges.',
    cure: 'Choose another address with `--web.listen-address`.',
  },
  WEB_CONFIG_INVALID: {
    cause: 'The file of `--web.config.file` cannot be read, or has a wrong or unknown field.',
    cure: "Write it in exporter-toolkit's format; each line of the message names a position.",
  },
};
