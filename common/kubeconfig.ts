import { readFileSync } from 'node:fs';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { KernscaleError } from './errors.js';
import { inPod, readable } from './kubernetes-access.js';

/**
 * Loads the given kubeconfig file, else the pod's service account, else `KUBECONFIG` or `~/.kube/config`. Token files
 * are read again while running, because tokens rotate.
 *
 * @throws KernscaleError `KUBECONFIG_INVALID` or `KUBECONFIG_MISSING`
 */
export function loadKubeConfig(file?: string): KubeConfig {
  const config = new KubeConfig();
  if (file !== undefined) {
    loadFile(config, file);
  } else if (inPod()) {
    config.loadFromCluster();
  } else {
    loadFile(config, defaultFile());
  }
  return config;
}

function defaultFile(): string {
  const listed = process.env['KUBECONFIG']?.split(path.delimiter).find((name) => name !== '');
  const file = listed ?? path.join(process.env['HOME'] ?? '/', '.kube', 'config');
  if (listed === undefined && !readable(file)) {
    throw new KernscaleError(
      'KUBECONFIG_MISSING',
      'no Kubernetes cluster is configured; pass --kubernetes.kubeconfig, set KUBECONFIG, or run in a pod',
    );
  }
  return file;
}

function loadFile(config: KubeConfig, file: string): void {
  try {
    const text = readFileSync(file, 'utf8');
    config.loadFromString(text);
    config.makePathsAbsolute(path.dirname(file));
    useTokenFiles(config, text, path.dirname(file));
  } catch (cause) {
    throw new KernscaleError('KUBECONFIG_INVALID', `cannot load the kubeconfig ${file}`, { cause });
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    const context = config.getCurrentContext() || '(none)';
    throw new KernscaleError(
      'KUBECONFIG_INVALID',
      `the kubeconfig ${file} has no cluster for its current context ${context}`,
    );
  }
}

/** Maps kubectl's `tokenFile`, which client-node ignores, to its provider that reads the file every minute. */
function useTokenFiles(config: KubeConfig, text: string, directory: string): void {
  const raw = parse(text) as { users?: { name: string; user?: { tokenFile?: string } }[] };
  config.users = config.users.map((user) => {
    const tokenFile = raw.users?.find(({ name }) => name === user.name)?.user?.tokenFile;
    if (tokenFile === undefined) return user;
    const provider = { name: 'tokenFile', config: { tokenFile: path.resolve(directory, tokenFile) } };
    return { ...user, authProvider: provider };
  });
}
