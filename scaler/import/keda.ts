import type { Fields } from '../../common/fields.js';
import { behaviorOf } from './behavior.js';
import { triggerOf, type Trigger } from './keda-triggers.js';
import { noEqual, referenceOf, remark, type Note, type RuleDraft, type Translation } from './translation.js';

/** KEDA's defaults. */
const MAX_REPLICAS = 100;
const COOLDOWN = 300;
const POLLING = 30;
const PAUSED = 'autoscaling.keda.sh/paused';

/** Translates a ScaledObject of KEDA 2. */
export function translateScaledObject(object: Fields, namespace: string): Translation {
  const [metadata, spec] = [object.fields('metadata'), object.fields('spec')];
  const advanced = spec.fields('advanced');
  const target = spec.fields('scaleTargetRef');
  const most = spec.count('maxReplicaCount') ?? MAX_REPLICAS;
  const formula = advanced.fields('scalingModifiers').string('formula');
  const triggers = spec.list('triggers').map(triggerOf);
  const minReplicas = Math.max(1, spec.count('minReplicaCount') ?? 0);
  const { idle, notes: idleNotes } = idleOf(spec, triggers, formula !== undefined);
  const { fallback, notes: fallbackNotes } = fallbackOf(spec, most);
  // With schedules alone, KEDA sets what they say, and the lowest number outside of them.
  const isFixed = triggers.length > 0 && triggers.every(({ schedule }) => schedule);
  const schedules = triggers.flatMap(({ schedule }) =>
    schedule ? [bounded(schedule, minReplicas, most, isFixed)] : [],
  );
  const behavior = behaviorOf(advanced.fields('horizontalPodAutoscalerConfig').fields('behavior'));
  const rule: RuleDraft = {
    scale: metadata.required('name'),
    scaleTargetRef: referenceOf(namespace, {
      apiVersion: target.string('apiVersion'),
      kind: target.string('kind') ?? 'Deployment',
      name: target.required('name'),
    }),
    minReplicas,
    maxReplicas: isFixed && minReplicas < most ? minReplicas : most,
    targets: formula === undefined ? triggers.flatMap(({ target }) => target ?? []) : [],
    ...(schedules.length > 0 && { schedules }),
    ...(fallback && { fallback }),
    ...(idle && { idle }),
    ...(behavior && { behavior }),
  };
  const notes = [
    ...triggers.flatMap((trigger) => trigger.notes),
    ...(formula === undefined ? [] : [formulaNote(formula)]),
    ...idleNotes,
    ...fallbackNotes,
    ...pauseNotes(metadata, rule.scaleTargetRef),
    ...advancedNotes(spec, advanced),
  ];
  return { rule, notes };
}

type Schedule = NonNullable<Trigger['schedule']>;

/** The HPA that KEDA makes clamps what a schedule asks for. */
function bounded(schedule: Schedule, least: number, most: number, isFixed: boolean): Schedule {
  const minReplicas = Math.min(Math.max(Number(schedule['minReplicas']), least), most);
  return { ...schedule, minReplicas, ...(isFixed && { maxReplicas: minReplicas }) };
}

function formulaNote(formula: string): Note {
  return noEqual(
    `scalingModifiers has the formula ${formula} over the triggers, which are left out. Write it as one query in PromQL:`,
    '{ signal: formula, expr: <PromQL>, averageValue: <target> }',
  );
}

function idleOf(
  spec: Fields,
  triggers: readonly Trigger[],
  isFormula: boolean,
): { idle?: RuleDraft['idle']; notes: Note[] } {
  const replicas = spec.count('idleReplicaCount') ?? ((spec.count('minReplicaCount') ?? 0) ? undefined : 0);
  const waking = triggers.filter(({ wakes }) => wakes);
  // KEDA does not scale to zero on CPU and memory alone.
  if (replicas === undefined || waking.length === 0) return { notes: [] };
  const after = `${spec.count('cooldownPeriod') ?? COOLDOWN}s`;
  const asked = waking.filter(({ schedule }) => schedule === undefined);
  const [only, second] = asked;
  if (only?.activation && !second && !isFormula) {
    return { idle: { after, replicas, activation: only.activation }, notes: [] };
  }
  const why = asked.length === 0 ? 'outside its schedules' : 'while none of its triggers is active';
  return {
    notes: [
      noEqual(
        `KEDA scales to ${replicas} ${why}; the rule keeps its minReplicas. To be idle, write when to wake in one query:`,
        `idle: { after: ${after}, replicas: ${replicas}, activation: { expr: <PromQL>, above: 0 } }`,
      ),
    ],
  };
}

function fallbackOf(spec: Fields, maxReplicas: number): { fallback?: RuleDraft['fallback']; notes: Note[] } {
  const fallback = spec.fields('fallback');
  const [threshold, replicas] = [fallback.count('failureThreshold'), fallback.count('replicas')];
  if (threshold === undefined || replicas === undefined) return { notes: [] };
  const behavior = fallback.string('behavior') ?? 'static';
  if (behavior === 'currentReplicas') {
    return { notes: [remark('fallback keeps the current replicas, as a rule without fallback does.')] };
  }
  if (behavior === 'currentReplicasIfLower' || replicas === 0) {
    const text = `fallback lowers replicas to ${replicas} while data are missing; a rule never shrinks on missing data.`;
    return { notes: [noEqual(text)] };
  }
  const after = `${Math.max(1, threshold) * (spec.count('pollingInterval') ?? POLLING)}s`;
  const floor = `fallback is a floor here: replicas above ${replicas} stay while data are missing.`;
  return {
    fallback: { after, replicas: Math.min(replicas, maxReplicas) },
    notes: behavior === 'static' ? [remark(floor)] : [],
  };
}

function pauseNotes(metadata: Fields, { kind, namespace, name }: RuleDraft['scaleTargetRef']): Note[] {
  const annotate = `kubectl annotate ${kind.toLowerCase()} ${name} -n ${namespace} kernscale.io/paused=true`;
  return Object.entries(metadata.texts('annotations'))
    .filter(([key, value]) => key.startsWith(PAUSED) && !/^f(alse)?$/i.test(value))
    .map(([key, value]) => {
      const said = `${key} is "${value}", which the rule does not say.`;
      const [, way] = /-scale-(in|down|out)$/.exec(key) ?? [];
      if (way === undefined)
        return noEqual(`${said} To pause the rule once it acts, annotate its workload:`, annotate);
      const side = way === 'out' ? 'scaleUp' : 'scaleDown';
      return noEqual(`${said} Write it as behavior:`, `behavior: { ${side}: { selectPolicy: Disabled } }`);
    });
}

function advancedNotes(spec: Fields, advanced: Fields): Note[] {
  const restores = advanced.boolean('restoreToOriginalReplicaCount') ?? false;
  return [
    ...((spec.count('initialCooldownPeriod') ?? 0) > 0
      ? [noEqual('initialCooldownPeriod: the first wait before it is idle is as long as the others.')]
      : []),
    ...(restores
      ? [
          remark(
            'restoreToOriginalReplicaCount: deleting the ScaledObject sets the replicas back; set this to false before.',
          ),
        ]
      : []),
  ];
}
