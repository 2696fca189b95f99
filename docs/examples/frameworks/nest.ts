import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Get, Module, Req, Res } from '@nestjs/common';
import { openStream, SseTrigger, streamOptions } from 'sse-trigger/node';
import { userOf } from './session.ts';
import { unreadOf } from './unread.ts';

export const trigger = new SseTrigger();
const notifications = streamOptions(trigger, {
  subject: (req) => userOf(req.headers.cookie), // or what a guard has put on the request
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

@Controller('notifications')
export class NotificationsController {
  @Get('stream')
  stream(@Req() req: IncomingMessage, @Res() res: ServerResponse): Promise<void> {
    return openStream(trigger, req, res, notifications);
  }
}

@Module({ controllers: [NotificationsController] })
export class AppModule {}
