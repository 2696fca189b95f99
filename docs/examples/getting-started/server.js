import express from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';

const orders = [];
const trigger = new SseTrigger();    // in memory: for one process

const app = express();
app.use(express.json());
app.get('/', (_req, res) => res.sendFile('index.html', { root: import.meta.dirname }));

app.get('/orders/stream', streamSse(trigger, {
  key: 'orders',                     // what to watch
  data: () => orders.slice(-10),     // what to send: read anew after each push
}));

app.post('/orders', (req, res) => {
  orders.push(req.body);             // the save
  trigger.push('orders');            // "what you show is out of date"
  res.sendStatus(201);
});

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`http://localhost:${server.address().port}`);
});
