import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { detectSource } from '../../../../exporter/identity/source.js';

describe('the choice of a source', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  it('is the requested one', () => {
    expect(detectSource('host', true, root).choice).to.equal('host');
    expect(detectSource('kubernetes', false, root).choice).to.equal('kubernetes');
  });

  it('is Kubernetes where a cluster is configured, or a kubelet has been', () => {
    mkdirSync(path.join(root, 'system.slice'));
    expect(detectSource('detect', true, root).choice).to.equal('kubernetes');
    expect(detectSource('detect', false, root).choice).to.equal('host');
    mkdirSync(path.join(root, 'docker', 'kubelet.slice', 'kubelet-kubepods.slice'), { recursive: true });
    expect(detectSource('detect', false, root).choice).to.equal('kubernetes');
  });
});
