// The handler that tutorials show, in Node: Express and pg. Each statement commits by itself,
// and the answer goes out after the UPDATE's commit.
const express = require("express");
const { Pool } = require("pg");

const pool = new Pool({ host: process.env.PGHOST, user: "postgres", database: process.env.PGDATABASE });
const app = express();
app.use(express.json());

app.post("/webhooks/bench", async (request, response, next) => {
  try {
    const receipt = request.body;
    const found = await pool.query("SELECT id FROM messages WHERE provider_message_id = $1", [receipt.messageId]);
    if (found.rows.length) {
      await pool.query(
        "UPDATE messages SET status = $1, error_code = $2, price = $3, updated_at = now() WHERE id = $4",
        [receipt.status, receipt["err-code"], receipt.price, found.rows[0].id]);
    }
    response.json({ ok: true });
  } catch (error) {
    next(error);
  }
});

app.get("/durability", async (_request, response, next) => {
  try {
    const settings = {};
    for (const name of ["fsync", "synchronous_commit", "full_page_writes"]) {
      settings[name] = (await pool.query(`SHOW ${name}`)).rows[0][name];
    }
    response.json(settings);
  } catch (error) {
    next(error);
  }
});

app.listen(Number(process.env.PORT), "127.0.0.1");
