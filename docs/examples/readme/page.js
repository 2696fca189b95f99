// A script of a page; what is shown is the text of its only paragraph.
const show = (notifications) => document.querySelector('p').append(`${notifications} `);

new EventSource('/notifications/stream').addEventListener('notifications', (event) => show(JSON.parse(event.data)));
