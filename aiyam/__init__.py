"""aiyam: the workbench around a Korean food-recommendation chatbot for children who hold a meal card."""
