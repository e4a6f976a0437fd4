import { type DynamicModule, type LoggerService, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomTransportStrategy, MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Logger, type Metrics, type Readiness, reasonOf } from '#libs/platform';
import { ProblemFilter } from './problem-filter.ts';

/** A service that listens. */
export interface RunningApp {
  /** Base URL, without a trailing slash. */
  url: string;
  /** Stops accepting, drains the pipelines, closes. */
  close(): Promise<void>;
}

export interface HttpAppOptions {
  module: Type | DynamicModule;
  host: string;
  port: number;
  logger: Logger;
  metrics: Metrics;
  readiness: Readiness;
  /** Pipelines that start with the app and are drained when it closes. */
  strategy?: CustomTransportStrategy;
  /** Longest request body in bytes. */
  bodyLimit?: number;
  /** What /readyz shows besides. */
  readyDetails?: () => Record<string, unknown>;
  /** When the port is taken: try the next ones, or fail. */
  portTaken?: 'next' | 'fail';
  /** Adds hooks, parsers and routes before the app listens. */
  configure?: (app: NestFastifyApplication) => Promise<void> | void;
}

/** How many ports after the wanted one are tried. */
const portsTried = 100;

/**
 * Starts a Nest application on Fastify with what every service has: /healthz, /readyz with reasons, /metrics,
 * problem+json errors, and the pipelines of `strategy`.
 * @throws when no port can be had.
 */
export async function startHttpApp(options: HttpAppOptions): Promise<RunningApp> {
  const adapter = new FastifyAdapter({ bodyLimit: options.bodyLimit ?? 1_048_576, forceCloseConnections: true });
  const app = await NestFactory.create<NestFastifyApplication>(options.module, adapter, {
    logger: nestLogger(options.logger),
    abortOnError: false,
    bodyParser: true,
  });
  app.useGlobalFilters(new ProblemFilter(options.logger));
  operationalRoutes(app, options);
  await options.configure?.(app);
  if (options.strategy !== undefined) app.connectMicroservice<MicroserviceOptions>({ strategy: options.strategy });
  await app.init();
  const url = await listen(app, options);
  // After the port: a service that waits for its broker answers /readyz with the reason.
  if (options.strategy !== undefined) await app.startAllMicroservices();
  return { url, close: () => app.close() };
}

function operationalRoutes(app: NestFastifyApplication, { metrics, readiness, readyDetails }: HttpAppOptions): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.get('/healthz', () => ({ status: 'ok' }));
  fastify.get('/readyz', (_request, reply) =>
    reply
      .code(readiness.ready ? 200 : 503)
      .send({ status: readiness.ready ? 'ready' : 'not ready', reasons: readiness.reasons, ...readyDetails?.() }),
  );
  fastify.get('/metrics', async (_request, reply) =>
    reply.header('content-type', metrics.contentType).send(await metrics.render()),
  );
}

async function listen(app: NestFastifyApplication, { host, port, portTaken }: HttpAppOptions): Promise<string> {
  const last = portTaken === 'next' && port !== 0 ? port + portsTried : port;
  for (let candidate = port; ; candidate++) {
    try {
      await app.listen(candidate, host);
      const address = app.getHttpServer().address();
      const bound = typeof address === 'object' && address !== null ? address.port : candidate;
      return `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${bound}`;
    } catch (error) {
      if (candidate >= last || !reasonOf(error).includes('EADDRINUSE')) throw error;
    }
  }
}

function nestLogger(logger: Logger): LoggerService {
  const write = (level: 'debug' | 'info' | 'warn' | 'error' | 'fatal') => (message: unknown, context?: unknown) =>
    logger[level]({ context }, String(message));
  return {
    log: write('debug'),
    debug: write('debug'),
    verbose: write('debug'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}
