import type { Server as HttpServer } from 'node:http';
import type { Express } from 'express';
import { Server } from 'socket.io';
import type { Notifications } from './notifications.ts';

export function before(app: Express, server: HttpServer, notifications: Notifications): Server {
  const io = new Server(server);

  io.on('connection', async (socket) => {
    const userId = String(socket.handshake.auth.token);  // looked up in sessions, as a rule
    await socket.join(`user:${userId}`);
    socket.emit('notifications', await notifications.unreadOf(userId));
    socket.on('read', async (id: number) => {
      await notifications.read(userId, id);
      io.to(`user:${userId}`).emit('notifications', await notifications.unreadOf(userId));
    });
  });

  app.post('/users/:id/notifications/:text', async (req, res) => {
    const { id, text } = req.params;
    await notifications.add(id, text);
    io.to(`user:${id}`).emit('notifications', await notifications.unreadOf(id));
    res.sendStatus(201);
  });

  return io;
}
