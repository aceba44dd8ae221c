import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { KernscaleError } from '../../../common/errors.js';
import { ServiceAccountAccess } from '../../../common/kubernetes-access.js';
import { loadKubeConfig } from '../../../common/kubeconfig.js';

describe('the access of a service account', () => {
  it('reads token and certificates again for each request, because they are rotated', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    const { KUBERNETES_SERVICE_HOST } = process.env;
    try {
      process.env['KUBERNETES_SERVICE_HOST'] = 'fd00::1';
      const access = new ServiceAccountAccess(directory);
      expect(access.getCurrentCluster().server).to.match(/^https:\/\/\[fd00::1]:\d+$/);
      for (const token of ['first', 'second']) {
        writeFileSync(path.join(directory, 'token'), `${token}\n`);
        writeFileSync(path.join(directory, 'ca.crt'), `authority of the ${token}`);
        const options: RequestOptions = { headers: { accept: 'application/json' } };
        await access.applyToHTTPSOptions(options);
        expect(options.headers).to.deep.equal({
          accept: 'application/json',
          Authorization: `Bearer ${token}`,
        });
        expect(String(options.ca)).to.equal(`authority of the ${token}`);
      }
    } finally {
      if (KUBERNETES_SERVICE_HOST === undefined) delete process.env['KUBERNETES_SERVICE_HOST'];
      else process.env['KUBERNETES_SERVICE_HOST'] = KUBERNETES_SERVICE_HOST;
      rmSync(directory, { recursive: true });
    }
  });
});

describe('loadKubeConfig', () => {
  const codeOf = (run: () => unknown): unknown => {
    try {
      run();
    } catch (error) {
      return error instanceof KernscaleError ? error.code : error;
    }
    return undefined;
  };

  it('names a file that is missing, malformed or without a cluster', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    try {
      const file = path.join(directory, 'config');
      expect(codeOf(() => loadKubeConfig(file))).to.equal('KUBECONFIG_INVALID');
      for (const text of ['', 'a: [', '{}', 'clusters: [{name: c}]']) {
        writeFileSync(file, text);
        expect(
          codeOf(() => loadKubeConfig(file)),
          text,
        ).to.equal('KUBECONFIG_INVALID');
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('explains what to do if nothing is configured', () => {
    const { HOME, KUBECONFIG, KUBERNETES_SERVICE_HOST } = process.env;
    process.env['HOME'] = '/nonexistent';
    delete process.env['KUBECONFIG'];
    delete process.env['KUBERNETES_SERVICE_HOST'];
    try {
      expect(codeOf(() => loadKubeConfig())).to.equal('KUBECONFIG_MISSING');
    } finally {
      Object.assign(process.env, { HOME });
      if (KUBECONFIG !== undefined) process.env['KUBECONFIG'] = KUBECONFIG;
      if (KUBERNETES_SERVICE_HOST !== undefined)
        process.env['KUBERNETES_SERVICE_HOST'] = KUBERNETES_SERVICE_HOST;
    }
  });
});
