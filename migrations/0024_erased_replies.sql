-- What relays said about the mails to people who were erased may repeat half of their address: it goes with them from now on, and here for
-- those who went before.
UPDATE mail_deliveries SET reply = '' WHERE email = '' AND reply <> '';
UPDATE letters l SET reply = '' WHERE reply <> '' AND subscriber_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM subscribers s WHERE s.id = l.subscriber_id AND s.state <> 'erased');
