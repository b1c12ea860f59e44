import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export type EngineMetrics = ReturnType<typeof countEngine>

/** What the engine counts about itself. */
export function countEngine(registry: Registry, backlog: () => number) {
  const registers = [registry]
  new Gauge({
    name: 'relight_backlog_messages',
    help: 'Messages taken from the broker and not committed yet.',
    registers,
    collect() {
      this.set(backlog())
    },
  })
  return {
    messages: new Counter({
      name: 'relight_field_messages_total',
      help: 'MQTT messages taken.',
      registers,
    }),
    observations: new Counter({
      name: 'relight_observations_total',
      help: 'Observations committed, by kind.',
      labelNames: ['kind'] as const,
      registers,
    }),
    refused: new Counter({
      name: 'relight_field_refused_total',
      help: 'Field reports refused, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
    conflicts: new Counter({
      name: 'relight_observation_conflicts_total',
      help: 'Observations with the identity of another one and other content. Both are kept.',
      registers,
    }),
    corrections: new Counter({
      name: 'relight_corrections_total',
      help: 'Outages whose past was told anew.',
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'relight_commit_seconds',
      help: 'From taking a batch to its commit.',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10],
      registers,
    }),
    batchSize: new Histogram({
      name: 'relight_batch_messages',
      help: 'Messages committed together.',
      buckets: [1, 2, 5, 10, 50, 100, 500, 1000],
      registers,
    }),
    quarantined: new Gauge({
      name: 'relight_quarantined_messages',
      help: 'Messages that a mistake of ours keeps out of the record.',
      registers,
    }),
    commitRetries: new Counter({
      name: 'relight_commit_retries_total',
      help: 'Commits that had to be tried again.',
      registers,
    }),
  }
}
