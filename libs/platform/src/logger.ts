import { type Logger as PinoLogger, destination, pino } from 'pino';

export type Logger = PinoLogger;

/** JSON lines on stderr (or in a file), so that stdout stays free for results. */
export function createLogger(name: string, level: string, file?: string): Logger {
  return pino(
    { name, level, base: { name } },
    destination(file === undefined ? { fd: 2, sync: true } : { dest: file, mkdir: true, sync: false }),
  );
}

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
