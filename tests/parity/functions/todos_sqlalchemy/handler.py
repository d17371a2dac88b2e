"""A list of tasks in a database, whose engine and tables belong to the module."""

import json

from sqlalchemy import Boolean, Column, Integer, String, create_engine, select
from sqlalchemy.orm import declarative_base, sessionmaker
from sqlalchemy.pool import StaticPool

engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
Base = declarative_base()
Session = sessionmaker(engine)


class Todo(Base):
    __tablename__ = "todos"
    id = Column(Integer, primary_key=True)
    title = Column(String(100), nullable=False)
    done = Column(Boolean, default=False)

    def as_dict(self):
        return {"id": self.id, "title": self.title, "done": self.done}


Base.metadata.create_all(engine)


def handle(event, context):
    with Session() as session:
        if event.method == "POST":
            todo = Todo(title=json.loads(event.body)["title"])
            session.add(todo)
            session.commit()
            return {"statusCode": 201, "body": todo.as_dict()}
        number = event.path.strip("/")
        if not number:
            todos = session.scalars(select(Todo).order_by(Todo.id)).all()
            return {"statusCode": 200, "body": {"todos": [todo.as_dict() for todo in todos]}}
        todo = session.get(Todo, int(number))
        if todo is None:
            return {"statusCode": 404, "body": {"error": "no such task"}}
        if event.method == "DELETE":
            session.delete(todo)
            session.commit()
            return {"statusCode": 204}
        if event.method == "PATCH":
            todo.done = json.loads(event.body)["done"]
            session.commit()
        return {"statusCode": 200, "body": todo.as_dict()}
