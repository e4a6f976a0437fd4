import type { Java } from './java.ts';

/** What the embedded Kafka and registry have in common. */
export interface Engine {
  java: Java;
  /** Absolute; its own within the data directory. */
  directory: string;
  /** Takes its stdout and stderr. */
  logFile: string;
  /** The processes' whole environment: the user's own JAVA_TOOL_OPTIONS or QUARKUS_… are not meant for these. */
  env: Record<string, string>;
  /** Called when it ends without having been asked to. */
  onDeath: (error: Error) => void;
}
