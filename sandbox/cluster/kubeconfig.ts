import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';

/** The client's side of the connection: token and kubeconfig files in one directory, readable by root only. */
export class Credentials {
  readonly tokenPath: string;
  readonly kubeconfigPath: string;
  #token = newToken();

  constructor(
    directory: string,
    readonly caPath: string,
  ) {
    this.tokenPath = path.join(directory, 'token');
    this.kubeconfigPath = path.join(directory, 'kubeconfig');
  }

  get token(): string {
    return this.#token;
  }

  rotate(url: string): string {
    this.#token = newToken();
    this.write(url);
    return this.#token;
  }

  /**
   * Writes both files. The kubeconfig has the token inline and by file: kubectl prefers the file, which follows
   * rotations; `@kubernetes/client-node` knows only the inline one.
   */
  write(url: string): void {
    const name = 'kernscale';
    const authority = readFileSync(this.caPath).toString('base64');
    const user = { token: this.#token, tokenFile: this.tokenPath };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster: { server: url, 'certificate-authority-data': authority } }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    };
    replaceFile(this.tokenPath, this.#token);
    replaceFile(this.kubeconfigPath, stringify(config));
  }
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Renames into place, so that no reader sees half a file. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
