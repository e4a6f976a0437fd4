export { type Clock, newId, systemClock } from './clock.ts';
export {
  configurationError,
  describeConfig,
  knownKeys,
  loadConfig,
  type LoadedConfiguration,
  type Origin,
} from './config/load.ts';
export { type Configuration, milliseconds } from './config/schema.ts';
export { tooManyThreads } from './config/threads.ts';
export { eventLoopTurn } from './event-loop-turn.ts';
export { EventLoopWatch } from './event-loop-watch.ts';
export { Deadline } from './deadline.ts';
export { defineErrors, errorCatalogue, type ErrorDefinition, reasonOf, TidemillError } from './errors.ts';
export { type MachineEnvironment, machineEnvironment } from './environment.ts';
export { createLogger, type Logger, silentLogger } from './logger.ts';
export { createMetrics, metricDefinitions, type Metrics } from './metrics.ts';
export { Readiness } from './readiness.ts';
export { Shutdown } from './shutdown.ts';
export { siblingModule } from './sibling-module.ts';
export { threadPoolSize } from './thread-pool.ts';
