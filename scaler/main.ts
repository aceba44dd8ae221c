#!/usr/bin/env node
import { loadKubeConfig } from '../common/kubeconfig.js';
import { createLogger } from '../common/log.js';
import { packageVersion, runMain, terminationSignal } from '../common/main.js';
import { parseScalerFlags } from './flags.js';
import { AuditLog } from './loop/audit-log.js';
import { RuleManager } from './rules/rule-manager.js';
import { Service } from './service.js';

await runMain('kernscale-scaler', async (argv) => {
  const version = packageVersion();
  const flags = parseScalerFlags(argv, version);
  if (!flags) return 0;
  const log = createLogger(flags.log);
  const { allowTruncated, prometheus } = flags;
  const ruleManager = new RuleManager(flags.rules, { allowTruncated, matchers: prometheus.matchers });
  if (!(await ruleManager.reload())) {
    process.stderr.write(`${ruleManager.errors.join('\n')}\n`);
    return 1;
  }
  if (flags.checkOnly) {
    process.stdout.write(
      `The rules are valid; groups: ${ruleManager.groups.length}, rules: ${ruleManager.ruleCount}.\n`,
    );
    return 0;
  }
  const stopped = terminationSignal();
  const audit = flags.audit && new AuditLog(flags.audit, log);
  const config = loadKubeConfig(flags.kubeconfig);
  const service = new Service({ flags, config, ruleManager, version, log, ...(audit && { audit }) });
  process.on('SIGHUP', () => {
    audit?.reopen();
    void ruleManager.reload();
  });
  ruleManager.watch();
  try {
    await service.run(stopped);
  } finally {
    ruleManager.close();
  }
  return 0;
});
