import type { ErrorCodes } from './error-code.js';

/** Of the exporter. */
export const EXPORTER_CODES: ErrorCodes = {
  NO_ADDON: {
    cause: 'The native addon is not built, or its libraries (libbpf, libelf) are missing.',
    cure: 'Run `npm run setup`, or install the package libbpf1. The exporter runs in reduced mode until then.',
  },
  NO_BTF: {
    cause: 'The kernel has no type information (/sys/kernel/btf/vmlinux).',
    cure: 'Use a kernel built with CONFIG_DEBUG_INFO_BTF, as those of all current distributions are.',
  },
  NO_CAPABILITY: {
    cause: 'The process lacks a capability.',
    cure: 'Run it as root with the capabilities in manifests/.',
  },
  LOAD_FAILED: {
    cause: 'The kernel refuses all BPF programs.',
    cure: "Read the log, which has the verifier's words; lockdown and seccomp are the usual reasons.",
  },
  ATTACH_FAILED: {
    cause: 'The kernel refuses to attach all BPF programs.',
    cure: 'Read the log; another program may hold the hooks, or the kernel lacks them.',
  },
  LAYOUT_MISMATCH: {
    cause: 'The addon and the program are of different versions.',
    cure: 'Build both with `npm run build`, or install the image anew.',
  },
  SLOTS_FULL: {
    cause: 'More containers run than `--containers.max` allows; those above are not measured.',
    cure: 'Raise the flag.',
  },
  NO_MEMORY: {
    cause: 'The kernel cannot allocate the memory of a map.',
    cure: 'Raise the memory limit of the pod, or lower `--containers.max`.',
  },
  READ_FAILED: {
    cause: 'A BPF map cannot be read.',
    cure: 'Restart the exporter; report it if it comes again.',
  },
  PRIVILEGES_KEPT: {
    cause: 'A thread of the process did not drop its capabilities, so the exporter does not start.',
    cure: 'Report it with the version of Node.js.',
  },
  CLOSED: {
    cause: 'The probes are used after they were closed: a defect of Kernscale.',
    cure: 'Report it with the log.',
  },
  BAD_ARGUMENT: {
    cause: 'The addon is called with an argument that it cannot take: a defect of Kernscale.',
    cure: 'Report it with the log.',
  },
  NAPI_FAILED: {
    cause: 'Node.js refuses a call of the addon.',
    cure: 'Report it with the version of Node.js.',
  },
  CGROUP2_MISSING: {
    cause: 'No cgroup v2 file system is mounted where the exporter looks.',
    cure: "Mount the host's /sys/fs/cgroup, and set `--path.cgroupfs` to its mount point.",
  },
  PROCFS_MISSING: {
    cause: 'No proc file system is mounted where the exporter looks.',
    cure: "Mount the host's /proc, and set `--path.procfs` to its mount point.",
  },
  ENGINE_FAILED: {
    cause: 'A container engine does not answer on its socket.',
    cure: 'Check that the engine runs and that the socket may be read; containers have no names until then.',
  },
  BAD_PROFILE_REQUEST: {
    cause: 'A parameter of /profile is missing or wrong.',
    cure: 'Write the request as the message shows.',
  },
  POD_UNKNOWN: {
    cause: 'No such pod or container runs on this node.',
    cure: "Ask the exporter of the pod's node.",
  },
  PROFILE_BUSY: {
    cause: 'Another profile is being taken.',
    cure: 'Retry when it has ended.',
  },
  PROFILE_DISABLED: {
    cause: 'Profiles are off, because they show what programs do.',
    cure: 'Start the exporter with `--profile`, or require authentication with `--web.config.file`.',
  },
  PROFILE_FAILED: {
    cause: 'The profile cannot be taken or written.',
    cure: 'Read the message.',
  },
  PROFILE_UNAVAILABLE: {
    cause: 'The kernel refuses the program that takes profiles.',
    cure: 'Read the message, which names the reason.',
  },
};
