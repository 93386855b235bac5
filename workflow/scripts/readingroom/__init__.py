"""The reading room: readers answer, case by case, what a study's radiographs show."""
