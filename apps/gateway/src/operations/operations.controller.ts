import { Controller, Get, Inject } from '@nestjs/common';
import { type SystemStatus, SystemStatusReader } from './system-status.ts';

/** How the loop is. */
@Controller('v1/status')
export class OperationsController {
  constructor(@Inject(SystemStatusReader) private readonly status: SystemStatusReader) {}

  @Get()
  read(): Promise<SystemStatus> {
    return this.status.read();
  }
}
