import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Node } from '../objects/kinds.js';
import { timestamp, type Draft } from '../objects/meta.js';
import { KUBERNETES_VERSION } from '../api/discovery.js';

const MAX_PODS = '110';

/** The Node object of this machine. */
export function describeNode(name: string, address: string): Draft<Node> & { metadata: { name: string } } {
  const capacity = {
    cpu: String(os.cpus().length),
    memory: `${Math.floor(os.totalmem() / 1024)}Ki`,
    pods: MAX_PODS,
  };
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': os.arch() === 'x64' ? 'amd64' : os.arch(),
  };
  const now = timestamp();
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: {},
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      capacity,
      allocatable: capacity,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastTransitionTime: now,
        },
      ],
      nodeInfo: nodeInfo(),
    },
  };
}

function nodeInfo(): Record<string, string> {
  return {
    machineID: readIfPresent('/etc/machine-id'),
    systemUUID: '',
    bootID: readIfPresent('/proc/sys/kernel/random/boot_id'),
    kernelVersion: os.release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(readIfPresent('/etc/os-release'))?.[1] ?? 'Linux',
    containerRuntimeVersion: 'standin://1.0.0',
    kubeletVersion: KUBERNETES_VERSION,
    kubeProxyVersion: KUBERNETES_VERSION,
    operatingSystem: 'linux',
    architecture: os.arch() === 'x64' ? 'amd64' : os.arch(),
  };
}

function readIfPresent(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
